import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import {
  type FocusEvent,
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';

// Shorter lists are drawn whole: the browser's own search finds everything in them.
const LONG = 100;
const ROW = 43;
const AROUND = 12;

interface RowWindow {
  long: boolean;
  /** The rows to draw, and the room that those before and after them take, in pixels. */
  indexes: number[];
  before: number;
  after: number;
  measure: ((row: HTMLTableRowElement | null) => void) | null;
  onKeyDown: (event: KeyboardEvent) => void;
  onFocus: (event: FocusEvent) => void;
}

/** Which rows of a table to draw, by what scrolls around it; the focused row stays, and arrow keys, Home and End move the focus. */
export function useRowWindow(body: RefObject<HTMLTableSectionElement | null>, count: number): RowWindow {
  const long = count > LONG;
  const [margin, setMargin] = useState(0);
  const focused = useRef(-1);
  const scroller = useCallback(() => scrollerAround(body.current), [body]);
  const virtual = useVirtualizer({
    count,
    enabled: long,
    getScrollElement: scroller,
    estimateSize: () => ROW,
    overscan: AROUND,
    scrollMargin: margin,
    rangeExtractor: (range) => {
      const indexes = defaultRangeExtractor(range);
      const kept = focused.current;
      if (kept >= 0 && kept < count && !indexes.includes(kept)) indexes.push(kept);
      return indexes.sort((a, b) => a - b);
    },
  });
  useLayoutEffect(() => {
    const outer = scroller();
    if (!long || !body.current || !outer) return;
    const above = body.current.getBoundingClientRect().top - outer.getBoundingClientRect().top + outer.scrollTop;
    setMargin(Math.round(above));
  }, [long, body, scroller]);

  const focus = useCallback(
    (index: number) => {
      if (index < 0 || index >= count) return;
      focused.current = index;
      const find = () => body.current?.querySelector<HTMLElement>(`tr[data-index="${index}"]`);
      if (long) virtual.scrollToIndex(index, { align: 'auto' });
      requestAnimationFrame(() => find()?.focus({ preventScroll: long }));
    },
    [body, count, long, virtual],
  );
  const onKeyDown = (event: KeyboardEvent) => {
    const row = event.target as HTMLElement;
    const index = Number(row.dataset.index ?? Number.NaN);
    if (Number.isNaN(index) || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: count - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(to);
  };
  const onFocus = (event: FocusEvent) => {
    focused.current = Number((event.target as HTMLElement).closest('tr')?.dataset.index ?? -1);
  };
  if (!long) {
    const indexes = Array.from({ length: count }, (_, index) => index);
    return { long, indexes, before: 0, after: 0, measure: null, onKeyDown, onFocus };
  }
  const rows = virtual.getVirtualItems();
  const first = rows[0];
  const last = rows[rows.length - 1];
  // A focused row out of sight is drawn at the edge of the window: its neighbours' room is of no matter for the eye.
  const shown = rows.reduce((sum, row) => sum + row.size, 0);
  const before = first ? first.start - margin : 0;
  return {
    long,
    indexes: rows.map((row) => row.index),
    before,
    after: last ? Math.max(0, virtual.getTotalSize() - before - shown) : 0,
    measure: virtual.measureElement,
    onKeyDown,
    onFocus,
  };
}

/** What scrolls an element, besides the frame that only scrolls a wide table sideways. */
function scrollerAround(element: HTMLElement | null): HTMLElement | null {
  for (let outer = element?.parentElement; outer; outer = outer.parentElement) {
    const { overflowY } = getComputedStyle(outer);
    if ((overflowY === 'auto' || overflowY === 'scroll') && outer.dataset.scrollbars === undefined) return outer;
  }
  return document.scrollingElement as HTMLElement | null;
}
