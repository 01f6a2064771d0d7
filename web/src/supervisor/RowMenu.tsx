import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';

/** The menu of a row. It is made when it is first opened: a thousand closed ones would cost more than the rows. */
export function RowMenu({ label, children }: { label: string; children: ReactNode }) {
  const [used, setUsed] = useState(false);
  const [opened, setOpened] = useState(false);
  const button = (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={label}
      data-action="more"
      {...(!used && {
        'aria-haspopup': 'menu',
        onClick: () => {
          setUsed(true);
          setOpened(true);
        },
      })}
    >
      <IconDots size={17} />
    </ActionIcon>
  );
  if (!used) return button;
  return (
    <Menu position="bottom-end" width={230} shadow="md" opened={opened} onChange={setOpened}>
      <Menu.Target>{button}</Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}
