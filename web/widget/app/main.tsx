import { render } from 'preact';
import { pick } from '../loader/trigger';
import type { Config } from '../protocol';
import { App } from './App';
import './app.css';
import { StoreContext } from './context';
import { Store } from './store';

const config = JSON.parse(document.getElementById('config')?.textContent ?? '{}') as Config;
// The page around us says in the address who it is; the browser knows better, where it tells. The server allows only those of the settings.
const parent =
  window.parent === window
    ? location.origin
    : (location.ancestorOrigins?.[0] ?? decodeURIComponent(location.hash.slice(1)));
const store = new Store(config, parent, pick(config.languages, navigator.languages));
const root = document.getElementById('widget');
if (root)
  render(
    <StoreContext.Provider value={store}>
      <App />
    </StoreContext.Provider>,
    root,
  );
