import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './styles/theme.css';
import './styles/layout.css';

import { createRoot } from 'react-dom/client';

import { App } from './App.jsx';

createRoot(document.getElementById('root')).render(<App />);
