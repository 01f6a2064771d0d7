/** Black or white, whichever is read better on a colour (WCAG's contrast). */
export function inkOn(color: string): string {
  const parts = [1, 3, 5].map((at) => {
    const c = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const light = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? '#fff' : '#000';
}

export function style(color: string, side: 'right' | 'left'): string {
  const ink = inkOn(color);
  return `
:host{all:initial;position:fixed;z-index:2147483000;${side}:20px;bottom:20px;font:15px/1.4 system-ui,sans-serif}
button{font:inherit;cursor:pointer;border:0}
button:focus-visible{outline:3px solid ${ink};outline-offset:-5px;box-shadow:0 0 0 3px ${color}}
.launcher{display:flex;align-items:center;gap:8px;min-width:56px;height:56px;padding:0 16px;border-radius:28px;background:${color};color:${ink};box-shadow:0 6px 24px #0004;margin-inline-start:auto;position:relative}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.label:empty,.badge:empty{display:none}
.badge{position:absolute;top:-4px;inset-inline-end:-4px;min-width:22px;height:22px;border-radius:11px;background:#c62828;color:#fff;font-size:12px;font-weight:600;line-height:22px;text-align:center;padding:0 5px;box-sizing:border-box}
.bubble{display:none;position:absolute;bottom:68px;${side}:0;width:max-content;max-width:min(280px,80vw);background:#fff;color:#1b1b1b;border-radius:14px;box-shadow:0 6px 24px #0003}
.bubble.open{display:flex;align-items:start}
.bubble button{background:none;color:inherit;border-radius:14px}
.read{text-align:start;padding:12px 4px 12px 14px}
.away{padding:8px 12px;font-size:18px;line-height:1}
.panel{display:none;position:absolute;bottom:70px;${side}:0;width:380px;height:min(640px,calc(100vh - 110px));border-radius:16px;overflow:hidden;box-shadow:0 12px 48px #0005;background:#fff}
.panel.open{display:block}
iframe{display:block;width:100%;height:100%;border:0;color-scheme:normal}
@media (max-width:480px){.panel{position:fixed;inset:0;width:100%;height:100%;height:100dvh;border-radius:0}:host([data-open]) .launcher{display:none}}
@media (prefers-color-scheme:dark){.bubble{background:#26282b;color:#f2f2f2}.panel{background:#1b1d20}}
@media (prefers-reduced-motion:no-preference){.panel.open{animation:up .18s ease-out}}
@keyframes up{from{opacity:0;transform:translateY(12px)}}`;
}
