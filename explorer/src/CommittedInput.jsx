import { useEffect, useRef, useState } from 'react';

const PAUSE_MS = 500;

/** Edit a text that takes effect on Enter, on leaving the field, or after a pause in typing. */
export function CommittedInput({ value, clean, onCommit, ...props }) {
  const [draft, setDraft] = useState(value);
  const timer = useRef(undefined);

  useEffect(() => () => clearTimeout(timer.current), []);

  function commit(text) {
    clearTimeout(timer.current);
    const cleaned = clean(text);
    if (cleaned !== value) onCommit(cleaned);
    return cleaned;
  }

  function edit(event) {
    const text = event.target.value;
    setDraft(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => commit(text), PAUSE_MS);
  }

  return (
    <input
      type="text"
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      {...props}
      value={draft}
      onChange={edit}
      onBlur={() => setDraft(commit(draft))}
      onKeyDown={(event) => event.key === 'Enter' && setDraft(commit(draft))}
    />
  );
}
