import type { CommandRow } from './command.js'
import { backupOptions, restoreOptions, verifyOptions } from './commands/backup-options.js'
import { downOptions } from './commands/down-options.js'
import { doctorOptions, logsOptions, psqlOptions, statusOptions } from './commands/inspect-options.js'
import { switchoverOptions } from './commands/switchover-options.js'
import { upOptions } from './commands/up-options.js'
import { upgradeOptions } from './commands/upgrade-options.js'

/** Commands that work on the stack of docker/compose.yaml. */
export const stackCommands: readonly CommandRow[] = [
  {
    name: 'up',
    positionals: '',
    summary: 'start the stack: PostgreSQL behind PgBouncer, with profiles for cache, monitoring and backup',
    description:
      'Builds what has to be built, writes the settings that fit this machine into the folder’s .env, makes passwords ' +
      'and certificates, and starts the services in order. What runs as described already is left alone. Ends when ' +
      'every service is healthy.',
    examples: [
      'simdgres up',
      'simdgres up --profile monitoring --profile backup',
      'simdgres up --set STACK_PORT=6543',
    ],
    options: upOptions,
    load: () => import('./commands/up.js'),
  },
  {
    name: 'down',
    positionals: '',
    summary: 'stop the stack and remove its containers; data stays',
    description:
      'Stops every service within its grace period and removes containers and networks. Volumes, settings and ' +
      'secrets stay, so that the next up goes on with the same data. Folders of STACK_DATA_DIR are never removed.',
    examples: ['simdgres down', 'simdgres down --volumes --yes'],
    options: downOptions,
    load: () => import('./commands/down.js'),
  },
  {
    name: 'status',
    positionals: '',
    summary: 'say whether the stack does its work, and what will stop it from doing so',
    description:
      'Asks through the pool, and looks at services, disks, backups, the log archive, replication, cache, checksums ' +
      'and certificates. Ends with 0 where all is well, 1 with a warning, 2 where something is critical, 3 where no ' +
      'engine answers.',
    examples: ['simdgres status', 'simdgres status --json'],
    options: statusOptions,
    load: () => import('./commands/status.js'),
  },
  {
    name: 'logs',
    positionals: '[SERVICE...]',
    summary: 'show the logs of services',
    description: 'Shows the last lines of every service, or of those that are named.',
    examples: ['simdgres logs', 'simdgres logs postgres --follow'],
    options: logsOptions,
    load: () => import('./commands/logs.js'),
  },
  {
    name: 'psql',
    positionals: '[-- PSQL-ARGUMENT...]',
    summary: 'open psql, through the pool as an application or as the superuser',
    description:
      'Runs psql in the server’s container, so that none is needed here. What follows -- goes to psql; statements ' +
      'may come by standard input. Ends with the exit code of psql.',
    examples: ['simdgres psql', 'simdgres psql --superuser', 'simdgres psql -- --command "SELECT version()"'],
    options: psqlOptions,
    load: () => import('./commands/psql.js'),
  },
  {
    name: 'doctor',
    positionals: '',
    summary: 'check whether this machine suits the stack, with the fix for what does not',
    description:
      'Looks at the engine, control groups, memory, kernel settings, disks, the port and the clock. Changes nothing. ' +
      'Ends with 0 where all is well, 1 with a warning, 2 where something is critical.',
    examples: ['simdgres doctor', 'simdgres doctor --json'],
    options: doctorOptions,
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'backup',
    positionals: '',
    summary: 'make a backup, checked and complete or not there at all',
    description:
      'Dumps the database with everything that a restore has to reproduce: rows and hash of each table, sequences, ' +
      'versions of extensions, under one snapshot. With --physical, copies the files of the server and archives its ' +
      'log, for restores to any point in time. Older backups are removed only after the new one is complete. The ' +
      'profile backup of simdgres up does both on a schedule.',
    examples: ['simdgres backup', 'simdgres backup --physical --type incr', 'simdgres backup --list'],
    options: backupOptions,
    load: () => import('./commands/backup.js'),
  },
  {
    name: 'restore',
    positionals: '[SET]',
    summary: 'bring a backup back beside what is in use, verify it, and swap; what was there is kept',
    description:
      'Restores the newest logical set, or the one named, into a new database, compares it with what was recorded and ' +
      'checks all tables and indexes; then it takes the place of the database in use within one transaction. With ' +
      '--to, restores the whole server as it was at a time into a new volume and puts it behind the pool. Clients ' +
      'wait in the pool during the swap. What was in use before is kept until --drop-old.',
    examples: [
      'simdgres restore --dry-run',
      'simdgres restore --yes',
      'simdgres restore --into look_at_it',
      'simdgres restore --to 2026-01-31T12:00:00Z --yes',
      'simdgres restore --drop-old --yes',
    ],
    options: restoreOptions,
    load: () => import('./commands/restore.js'),
  },
  {
    name: 'verify',
    positionals: '[SET]',
    summary: 'compare the backups with what was recorded when they were made',
    description:
      'Reads every file of every backup, or of one logical set, and compares it with its checksum. With ' +
      '--restore-test, restores a set into a database of its own, compares that, and removes it.',
    examples: ['simdgres verify', 'simdgres verify --restore-test'],
    options: verifyOptions,
    load: () => import('./commands/verify.js'),
  },
  {
    name: 'switchover',
    positionals: '',
    summary: 'move to a server with the present image and settings, without a failed transaction',
    description:
      'What up would do by a restart of the database after a change of .env or an update, without the outage: a ' +
      'standby is made, and promoted while PgBouncer holds its clients back, for about a second. The old server is ' +
      'stopped first and kept with its volume until --drop-old. Until clients go on, any failure brings it back.',
    examples: [
      'simdgres switchover --dry-run',
      'simdgres switchover',
      'simdgres switchover --drop-old --yes',
    ],
    options: switchoverOptions,
    load: () => import('./commands/switchover.js'),
  },
  {
    name: 'upgrade',
    positionals: '',
    summary: 'move to another major version of PostgreSQL, by logical replication or by a dump',
    description:
      'Starts a server of the new version, copies roles, schemas, extensions, rows and sequences, lets it follow, and ' +
      'sends the pool there during a pause of about a second; all tables are then compared. The old server follows ' +
      'the new one, so that --rollback loses nothing, until --drop-old. With --method dump clients are held back for the ' +
      'whole copy, and there is no rollback: a query that has waited for 60 s (query_wait_timeout of PgBouncer) fails, ' +
      'so stop the applications where the copy takes longer.',
    examples: [
      'simdgres upgrade --to 18 --dry-run',
      'simdgres upgrade --to 18',
      'simdgres upgrade --rollback',
      'simdgres upgrade --drop-old --yes',
    ],
    options: upgradeOptions,
    load: () => import('./commands/upgrade.js'),
  },
]
