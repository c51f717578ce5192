import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';

import { ActiveTabScroller } from './ActiveTabScroller.jsx';
import { EXAMPLES } from './examples.js';
import { EXAMPLES_PLUGIN } from './ExamplesPlugin.jsx';
import { SystemThemeFollower } from './SystemThemeFollower.jsx';

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

// Without this the variables editor marks every object in a JSON field as an error.
const CUSTOM_SCALARS = { JSON: {} };

// GraphiQL fills only the first tab's query from `defaultTabs`; its variables it takes
// from here, and only a first visit may set them or they would overwrite the user's.
const INITIAL_VARIABLES = isFirstVisit() ? EXAMPLES[0].variables : undefined;

/** Show GraphiQL, with the examples as tabs on a first visit. */
export function Workbench({ fetcher, hasToken }) {
  return (
    <GraphiQL
      fetcher={fetcher}
      // Null keeps it from asking for the schema before there is a token to ask with;
      // a new fetcher makes it ask again.
      schema={hasToken ? undefined : null}
      schemaDescription
      inputValueDeprecation
      customScalarSchemas={CUSTOM_SCALARS}
      plugins={PLUGINS}
      defaultTabs={EXAMPLES}
      initialVariables={INITIAL_VARIABLES}
      defaultEditorToolsVisibility="variables"
    >
      {/* The brand is in the top bar; here the tabs need the room. */}
      <GraphiQL.Logo>{null}</GraphiQL.Logo>
      <ActiveTabScroller />
      <SystemThemeFollower />
    </GraphiQL>
  );
}

function isFirstVisit() {
  try {
    return localStorage.getItem('graphiql:tabState') === null;
  } catch {
    return true;
  }
}
