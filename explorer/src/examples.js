const queries = import.meta.glob('./examples/*.graphql', {
  eager: true,
  query: '?raw',
  import: 'default',
});
const variables = import.meta.glob('./examples/*.json', {
  eager: true,
  query: '?raw',
  import: 'default',
});

/** The examples in the order in which they build on each other, which is that of their files. */
export const EXAMPLES = Object.keys(queries)
  .sort()
  .map((path) => ({
    title: titleOf(queries[path]),
    query: queries[path].trim(),
    variables: variables[path.replace(/\.graphql$/, '.json')]?.trim() ?? '',
  }));

/** Read the title from the comment that opens each example: `# 1. Title`. */
function titleOf(query) {
  return query.match(/^# \d+\. (.+)$/m)[1];
}
