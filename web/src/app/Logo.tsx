/** Two rings that overlap: two people on one line. */
export function Logo({ size, title }: { size: number; title: string }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" role="img" aria-label={title}>
      <rect width="32" height="32" rx="8" fill="#0f6e7a" />
      <circle cx="11.5" cy="16" r="5" fill="none" stroke="#fff" strokeWidth="2.6" />
      <circle cx="20.5" cy="16" r="5" fill="none" stroke="#9fe3e6" strokeWidth="2.6" />
    </svg>
  );
}
