import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';

/** Says what an agent takes calls on (browser, phone:8001, number:+49…, sip:desk@…), or of which kind a leg's device is. */
export function useDeviceText(): (device: string) => string {
  const { t } = useTranslation('supervisor');
  return useCallback(
    (device) => {
      const [, kind = '', which] = device.match(/^([^:]*)(?::(.*))?$/) ?? [];
      const name = t(`deviceName.${kind}`, kind);
      return which ? `${name} · ${kind === 'sip' ? device : which}` : name;
    },
    [t],
  );
}
