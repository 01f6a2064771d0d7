import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';

export function SearchInput(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** In pixels, or as CSS has it; 280 when left out. */
  width?: number | string;
}) {
  return (
    <TextInput
      type="search"
      aria-label={props.label}
      placeholder={props.label}
      leftSection={<IconSearch size={15} aria-hidden />}
      value={props.value}
      onChange={(event) => props.onChange(event.currentTarget.value)}
      w={props.width ?? 280}
    />
  );
}
