import type { Command } from '../options/command.js'
import { advise } from './advise.js'
import { backup } from './backup.js'
import { bench } from './bench.js'
import { capacity } from './capacity.js'
import { data } from './data.js'
import { doctor } from './doctor.js'
import { down } from './down.js'
import { gate } from './gate.js'
import { logs } from './logs.js'
import { manifest } from './manifest.js'
import { psql } from './psql.js'
import { repair } from './repair.js'
import { report } from './report.js'
import { restore } from './restore.js'
import { rotate } from './rotate.js'
import { shard } from './shard.js'
import { status } from './status.js'
import { switchover } from './switchover.js'
import { tune } from './tune.js'
import { up } from './up.js'
import { upgrade } from './upgrade.js'
import { verify } from './verify.js'

/** Every command, in the order of the help. A new one is a file in this folder and a row here. */
export const commands: readonly Command[] = [
  bench,
  report,
  gate,
  tune,
  advise,
  capacity,
  shard,
  data,
  up,
  down,
  status,
  logs,
  psql,
  doctor,
  backup,
  restore,
  verify,
  rotate,
  switchover,
  upgrade,
  repair,
  manifest,
]
