import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import './style/theme.css';
import './style/control.css';
import './style/shell.css';
import './style/table.css';
import './style/page.css';
import './style/sandbox.css';
import './style/terminal.css';
import './style/desktop.css';
import './style/files.css';
import './style/process.css';
import './style/panel.css';
import './style/lineage.css';
import './style/usage.css';
import './style/images.css';
import './style/health.css';

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
