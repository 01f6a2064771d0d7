import {
  Badge,
  Button,
  type CSSVariablesResolver,
  createTheme,
  Drawer,
  type MantineColorsTuple,
  Modal,
  NumberInput,
  Paper,
  Select,
  Table,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core';

// A quiet petrol: enough hue to find the main action, little enough to look at for eight hours.
const petrol: MantineColorsTuple = [
  '#e8f6f7',
  '#d3eaec',
  '#a5d4d9',
  '#73bdc5',
  '#4ba9b4',
  '#2f96a3',
  '#12808e',
  '#0f6e7a',
  '#0b5a64',
  '#06454d',
];

const slate: MantineColorsTuple = [
  '#f6f8fa',
  '#edf0f4',
  '#dfe4ea',
  '#c9d1da',
  '#a3aebb',
  '#7f8c9b',
  '#5d6a79',
  '#465261',
  '#303b48',
  '#1d2631',
];

const night: MantineColorsTuple = [
  '#d5dbe3',
  '#b9c2cd',
  '#93a0ae',
  '#6d7b8b',
  '#475361',
  '#343f4c',
  '#262f3a',
  '#1b222b',
  '#151b22',
  '#0f141a',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  colors: { petrol, gray: slate, dark: night },
  fontFamily:
    '"Inter Variable", Inter, "PingFang SC", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.25rem', lineHeight: '1.3' },
      h2: { fontSize: '1rem', lineHeight: '1.4' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
    },
  },
  defaultRadius: 6,
  cursorType: 'pointer',
  focusRing: 'auto',
  autoContrast: true,
  components: {
    Button: Button.extend({ defaultProps: { size: 'sm' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'sm' } }),
    NumberInput: NumberInput.extend({ defaultProps: { size: 'sm' } }),
    Select: Select.extend({ defaultProps: { size: 'sm', checkIconPosition: 'right', allowDeselect: false } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'sm' } }),
    Badge: Badge.extend({ defaultProps: { variant: 'light', radius: 4, tt: 'none', fw: 550 } }),
    Paper: Paper.extend({ defaultProps: { withBorder: true, radius: 8 } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 7, horizontalSpacing: 12, fz: 'sm' } }),
    Modal: Modal.extend({
      defaultProps: { radius: 10, centered: true, overlayProps: { opacity: 0.35 } },
      styles: { title: { fontWeight: 600 } },
    }),
    Drawer: Drawer.extend({
      defaultProps: { position: 'right', overlayProps: { opacity: 0.25 } },
      styles: { title: { fontWeight: 600 } },
    }),
    // What it says must not need a mouse.
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 350, withArrow: true, fz: 'xs', events: { hover: true, focus: true, touch: true } },
    }),
  },
});

// Colours by meaning, so that screens never choose a shade: surfaces, the quiet text, and states that pass WCAG AA on both schemes.
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--t-canvas': '#f3f5f8',
    '--t-surface': '#ffffff',
    '--t-raised': '#f8fafb',
    '--t-line': '#dfe4ea',
    '--t-quiet': '#566373',
    '--t-good': '#0b6b3c',
    '--t-warn': '#8a4b00',
    '--t-bad': '#b3261e',
    '--t-info': '#0b5a64',
    '--mantine-color-body': '#ffffff',
    '--mantine-color-dimmed': '#566373',
    '--mantine-color-default-border': '#d5dbe3',
    '--mantine-color-placeholder': '#6b7787',
  },
  dark: {
    '--t-canvas': '#0f141a',
    '--t-surface': '#161c24',
    '--t-raised': '#1b232c',
    '--t-line': '#2a3440',
    '--t-quiet': '#9aa7b5',
    '--t-good': '#5fd39a',
    '--t-warn': '#f0b35a',
    '--t-bad': '#ff8a80',
    '--t-info': '#73bdc5',
    '--mantine-color-body': '#161c24',
    '--mantine-color-text': '#dbe2ea',
    '--mantine-color-dimmed': '#9aa7b5',
    '--mantine-color-default-border': '#313c49',
    '--mantine-color-default': '#1b232c',
    '--mantine-color-default-hover': '#222c37',
    '--mantine-color-placeholder': '#8492a2',
    '--mantine-color-dark-6': '#1b232c',
  },
});
