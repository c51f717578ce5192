import { useGraphiQL } from '@graphiql/react';
import { useEffect } from 'react';

/** Keep the active tab in view, which GraphiQL leaves to the user; shows nothing. */
export function ActiveTabScroller() {
  const activeTabIndex = useGraphiQL((state) => state.activeTabIndex);

  useEffect(() => {
    const tabs = document.querySelector('.graphiql-tabs');
    // It also calls back at once, so this covers a change of tab and of the room for tabs.
    const observer = new ResizeObserver(() =>
      tabs.children[activeTabIndex]?.scrollIntoView({ block: 'nearest', inline: 'nearest' }),
    );
    observer.observe(tabs);
    return () => observer.disconnect();
  }, [activeTabIndex]);

  return null;
}
