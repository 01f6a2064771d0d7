import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '@fontsource-variable/inter/wght.css';
import './app/global.css';

createRoot(document.getElementById('root') as HTMLElement).render(<StrictMode>Tandem</StrictMode>);
