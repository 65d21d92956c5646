/** Options of a gate run that takes seconds: one row of a path of this process, on little data. */
export const smallGate: readonly string[] = [
  ...['--dataset', 'synthetic-5000x32', '--queries', '100'],
  ...['--budget', '4s', '--paths', 'addon-exact', '--threads', '1'],
]
