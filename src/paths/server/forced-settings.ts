/**
 * In every session that is measured. JIT compiles per execution what runs for milliseconds, and costs more than it
 * gains on every statement here (measured: plain SQL on 20,000 x 100 is 1.1 to 1.5 times slower with it).
 */
export const sessionSettings = { jit: 'off' } as const

/**
 * Limits that every session of a run lifts, where the server knows them: each idles while others have their turn, and
 * loading is one long transaction. Every role may do that.
 */
export const liftedTimeouts = [
  'idle_session_timeout',
  'idle_in_transaction_session_timeout',
  'transaction_timeout',
] as const
