/** Moving the stack to another server, and what every move leaves behind. */

export { dropOldServer } from './previous.js'
export { findPrevious, planMove } from './replication.js'
export { type SwitchoverOptions, switchOver } from './switchover.js'
