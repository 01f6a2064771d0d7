export function Tickets() {
  return null;
}
