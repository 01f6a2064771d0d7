import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  defaultParseSearch,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { readSearch as readContactSearch } from '../contacts/search';
import { dialled } from '../desktop/dial';
import { Login } from '../login/Login';
import { readSearch } from '../tickets/search';
import { AppFrame } from './AppFrame';
import { Crash, NotFound } from './Fallbacks';
import { type Screen, screensOf } from './screens';
import { meQuery } from './session';

interface Context {
  queries: QueryClient;
}

const paths: Record<Screen, string> = {
  desktop: '/',
  supervisor: '/supervisor',
  reports: '/reports',
  voicemails: '/voicemails',
  tickets: '/tickets',
  contacts: '/contacts',
  admin: '/admin',
};

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: Crash,
});

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  component: Login,
  validateSearch: (search: Record<string, unknown>): { to?: string } =>
    // A path of our own only: whoever wrote the link must not choose another site.
    typeof search.to === 'string' && /^\/(?!\/)/.test(search.to) ? { to: search.to } : {},
});

const demo = createRoute({
  getParentRoute: () => root,
  path: '/demo',
  component: lazyRouteComponent(() => import('../demo/Demo'), 'Demo'),
});

const survey = createRoute({
  getParentRoute: () => root,
  path: '/survey/$token',
  component: lazyRouteComponent(() => import('../survey/Survey'), 'Survey'),
});

const panelHost = createRoute({
  getParentRoute: () => root,
  path: '/demo/panel',
  component: lazyRouteComponent(() => import('../demo/PanelHost'), 'PanelHost'),
});

const panel = createRoute({
  getParentRoute: () => root,
  path: '/panel/$id',
  component: lazyRouteComponent(() => import('../panel/Panel'), 'Panel'),
});

// The window in which people sign in for the panel.
const panelSignIn = createRoute({
  getParentRoute: () => root,
  path: '/panel/sign-in',
  component: lazyRouteComponent(() => import('../panel/SignedIn'), 'SignedIn'),
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me || me.totp_needed) throw redirect({ to: '/login', search: { to: location.href } });
  },
});

const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  component: AppFrame,
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: '/login', search: location.href === '/' ? {} : { to: location.href } });
    if (me.totp_needed) throw redirect({ to: '/login' });
    return { me };
  },
});

const desktop = createRoute({
  getParentRoute: () => app,
  path: '/',
  component: lazyRouteComponent(() => import('../desktop/Desktop'), 'Desktop'),
  validateSearch: (search: Record<string, unknown>): { part?: string; view?: string; c?: string; dial?: string } => ({
    ...(typeof search.part === 'string' ? { part: search.part } : {}),
    ...(typeof search.view === 'string' ? { view: search.view } : {}),
    ...(typeof search.c === 'string' ? { c: search.c } : {}),
    // A number that consists of digits alone is read as one.
    ...(search.dial ? { dial: dialled(String(search.dial)) } : {}),
  }),
  beforeLoad: ({ context }) => {
    const screens = screensOf(context.me);
    const first = screens[0];
    if (first && !screens.includes('desktop')) throw redirect({ to: paths[first] });
  },
});

const supervisor = createRoute({
  getParentRoute: () => app,
  path: '/supervisor',
  component: lazyRouteComponent(() => import('../supervisor/Supervisor'), 'Supervisor'),
  validateSearch: (
    search: Record<string, unknown>,
  ): { tab?: string; call?: string; chat?: string; agent?: string } => ({
    ...(typeof search.tab === 'string' ? { tab: search.tab } : {}),
    ...(typeof search.call === 'string' ? { call: search.call } : {}),
    ...(typeof search.chat === 'string' ? { chat: search.chat } : {}),
    ...(typeof search.agent === 'string' ? { agent: search.agent } : {}),
  }),
});

const reports = createRoute({
  getParentRoute: () => app,
  path: '/reports',
  component: lazyRouteComponent(() => import('../reports/Reports'), 'Reports'),
  validateSearch: (search: Record<string, unknown>): { tab?: string } =>
    typeof search.tab === 'string' ? { tab: search.tab } : {},
});

const voicemails = createRoute({
  getParentRoute: () => app,
  path: '/voicemails',
  component: lazyRouteComponent(() => import('../voicemails/Voicemails'), 'Voicemails'),
});

const tickets = createRoute({
  getParentRoute: () => app,
  path: '/tickets',
  component: lazyRouteComponent(() => import('../tickets/Tickets'), 'Tickets'),
  validateSearch: readSearch,
});

const ticket = createRoute({
  getParentRoute: () => app,
  path: '/tickets/$id',
  component: lazyRouteComponent(() => import('../tickets/Ticket'), 'Ticket'),
});

const contacts = createRoute({
  getParentRoute: () => app,
  path: '/contacts',
  component: lazyRouteComponent(() => import('../contacts/Contacts'), 'Contacts'),
  validateSearch: readContactSearch,
});

const contact = createRoute({
  getParentRoute: () => app,
  path: '/contacts/$id',
  component: lazyRouteComponent(() => import('../contacts/Contact'), 'Contact'),
});

const profile = createRoute({
  getParentRoute: () => app,
  path: '/profile',
  component: lazyRouteComponent(() => import('../profile/Profile'), 'Profile'),
});

const security = createRoute({
  getParentRoute: () => app,
  path: '/security',
  component: lazyRouteComponent(() => import('../profile/Security'), 'Security'),
});

const device = createRoute({
  getParentRoute: () => app,
  path: '/device',
  component: lazyRouteComponent(() => import('../profile/CallDevice'), 'CallDevicePage'),
});

// Agents keep texts of their own, and have no administration.
const canned = createRoute({
  getParentRoute: () => app,
  path: '/canned-responses',
  component: lazyRouteComponent(() => import('../admin/chat/CannedResponses'), 'CannedResponses'),
});

const admin = createRoute({
  getParentRoute: () => app,
  path: '/admin',
  component: lazyRouteComponent(() => import('../admin/Admin'), 'Admin'),
});

const adminHome = createRoute({
  getParentRoute: () => admin,
  path: '/',
  component: lazyRouteComponent(() => import('../admin/AdminHome'), 'AdminHome'),
});

const adminPart = createRoute({
  getParentRoute: () => admin,
  path: '$part',
  component: lazyRouteComponent(() => import('../admin/AdminPart'), 'AdminPart'),
});

const tree = root.addChildren([
  login,
  demo,
  panelHost,
  panel,
  panelSignIn,
  survey,
  app.addChildren([
    desktop,
    supervisor,
    reports,
    voicemails,
    tickets,
    ticket,
    contacts,
    contact,
    profile,
    security,
    device,
    canned,
    admin.addChildren([adminHome, adminPart]),
  ]),
]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: 'intent',
    // The plus of a number that somebody has written into a link is no space.
    parseSearch: (search) => defaultParseSearch(search.replace(/([?&]dial=)\+/, '$1%2B')),
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
