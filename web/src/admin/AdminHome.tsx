export function AdminHome() {
  return null;
}
