import { useParams } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { Forbidden, NotFound } from '../app/Fallbacks';
import { useCan } from '../app/session';
import { AgentGroups } from './AgentGroups';
import { AgentPanel } from './AgentPanel';
import { Agents } from './Agents';
import { APIKeys } from './APIKeys';
import { AuditLog } from './AuditLog';
import { Bots } from './Bots';
import { ContactAttributes } from './ContactAttributes';
import { CannedResponses } from './chat/CannedResponses';
import { Channels } from './chat/Channels';
import { ChatSettings } from './chat/ChatSettings';
import { Templates } from './chat/Templates';
import { WidgetDesigner } from './chat/WidgetDesigner';
import { CRMConnection } from './crm/CRMConnection';
import { HoursList } from './HoursList';
import { Notifications } from './Notifications';
import { Numbers } from './Numbers';
import { OutboundRules } from './OutboundRules';
import { Presences } from './Presences';
import { Prompts } from './Prompts';
import { nounOf, type Part } from './parts';
import { Queues } from './queues/Queues';
import { RecordingsWaiting } from './RecordingsWaiting';
import { Roles } from './Roles';
import { SIPBans } from './SIPBans';
import { SIPTrace } from './SIPTrace';
import { Skills } from './Skills';
import { SLA } from './SLA';
import { Teams } from './Teams';
import { TicketTypes } from './TicketTypes';
import { Trunks } from './Trunks';
import { Users } from './Users';
import { Webhooks } from './webhooks/Webhooks';

const screens: Record<Part, ComponentType> = {
  users: Users,
  teams: Teams,
  roles: Roles,
  agents: Agents,
  'agent-groups': AgentGroups,
  skills: Skills,
  presences: Presences,
  queues: Queues,
  numbers: Numbers,
  trunks: Trunks,
  outbound: OutboundRules,
  trace: SIPTrace,
  bots: Bots,
  prompts: Prompts,
  notifications: Notifications,
  hours: HoursList,
  channels: Channels,
  templates: Templates,
  canned: CannedResponses,
  widget: WidgetDesigner,
  'chat-settings': ChatSettings,
  recordings: RecordingsWaiting,
  attributes: ContactAttributes,
  sla: SLA,
  'ticket-types': TicketTypes,
  crm: CRMConnection,
  panel: AgentPanel,
  webhooks: Webhooks,
  keys: APIKeys,
  bans: SIPBans,
  audit: AuditLog,
};

export function AdminPart() {
  const { part } = useParams({ from: '/app/admin/$part' });
  const can = useCan();
  const noun = nounOf(part);
  if (!noun) return <NotFound />;
  if (!can('read', noun)) return <Forbidden />;
  const Screen = screens[part as Part];
  return <Screen />;
}
