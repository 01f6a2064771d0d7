import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ActionPage } from './ActionPage';
import './action.css';

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <ActionPage />
  </StrictMode>,
);
