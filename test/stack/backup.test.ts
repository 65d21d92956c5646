import { execFileSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectLabel } from '#src/engine/labels.js'
import { silent } from '#src/progress.js'
import { makeBackup } from '#src/stack/backup/backup.js'
import type { Finding } from '#src/stack/checks/finding.js'
import { listLogicalSets } from '#src/stack/sets/backup-sets.js'
import { verifySets } from '#src/stack/sets/verify-sets.js'
import type { Stack } from '#src/stack/stack.js'
import { openStack } from '#src/stack/stack.js'
import { startCli } from '../cli/run-cli.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

/** Small enough to fill: a full disk for the backups. */
const volumeBytes = 8 * 1024 ** 2
const volumeInodes = 1000
const files = ['SHA256SUMS', 'contents.json', 'database.dump', 'globals.sql']

await describeWithEngine('simdgres backup', () => {
  let sandbox: StackSandbox
  let stack: Stack

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    const early = await sandbox.open()
    await early.engine.createVolume({
      Name: early.volumeName('backups'),
      Driver: 'local',
      DriverOpts: {
        type: 'tmpfs',
        device: 'tmpfs',
        o: `size=${volumeBytes},nr_inodes=${volumeInodes},uid=999,gid=999,mode=0700`,
      },
      Labels: { [projectLabel]: sandbox.project },
    })
    await sandbox.up()
    stack = await sandbox.open()
    await stack.ensureImage('backup')
    await sandbox.query('CREATE TABLE app.notes (id integer PRIMARY KEY, note text NOT NULL)')
    await sandbox.query("INSERT INTO app.notes SELECT n, 'note ' || n FROM generate_series(1, 1000) AS n")
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  /** Runs a shell command where the volume of the backups is, as its owner. */
  const inVolume = async (script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await stack.exec('postgres', [
      'bash',
      '-euc',
      `cd /backups; ${script}`,
    ])
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    return stdout
  }
  const listFolder = async (): Promise<string[]> => (await inVolume('ls -A logical')).split('\n').slice(0, -1)
  const flipByte = (file: string, offset: number): Promise<string> => {
    const script = `b=$(od -An -tu1 -j${offset} -N1 ${file}); printf "\\\\x$(printf %x $((b ^ 1)))" | dd of=${file} bs=1 seek=${offset} conv=notrunc status=none`
    return inVolume(script)
  }

  test('makes a complete set that only its owner can read', async () => {
    const { code, stdout } = await sandbox.cli('backup', '--json')
    expect(code).toBe(0)
    const { backup } = JSON.parse(stdout) as { backup: { name: string; bytes: number } }
    expect(await listFolder()).toEqual([backup.name])
    const listed = await inVolume(
      `stat --format='%a %u %n' logical logical/${backup.name} logical/${backup.name}/*`,
    )
    expect(listed.trim().split('\n')).toEqual([
      '700 999 logical',
      `700 999 logical/${backup.name}`,
      ...files.map((file) => `600 999 logical/${backup.name}/${file}`),
    ])
    const list = await sandbox.cli('backup', '--list', '--json')
    expect(JSON.parse(list.stdout)).toMatchObject([{ kind: 'logical', name: backup.name }])
    expect((await sandbox.cli('verify')).code).toBe(0)
  })

  test('--export writes the newest set into a file that only its owner can read', async () => {
    const file = join(sandbox.folder, 'set.tar')
    const { code, stdout } = await sandbox.cli('backup', '--export', file, '--json')
    expect(code).toBe(0)
    const { set } = JSON.parse(stdout) as { set: string }
    expect((await listLogicalSets(stack)).map(({ name }) => name)).toContain(set)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    execFileSync('tar', ['--extract', `--directory=${sandbox.folder}`, `--file=${file}`])
    const sums = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], {
      cwd: join(sandbox.folder, set),
      encoding: 'utf8',
    })
    expect(sums).toBe('contents.json: OK\ndatabase.dump: OK\nglobals.sql: OK\n')
    const refused = await sandbox.cli('backup', '--export', join(sandbox.folder, 'no/folder/set.tar'))
    expect(refused.code).toBe(2)
  })

  test('shows no password in the container that makes it', async () => {
    const password = (await stack.exec('postgres', ['cat', '/run/secrets/backup_password'])).stdout.trim()
    await withLockedTable(async () => {
      const run = startCli(['backup', '--dir', sandbox.folder, '--project', sandbox.project])
      // From here on the dump waits for the table: earlier containers of the command only look around.
      await waitForPart()
      const [id] = await findRuns(stack)
      const container = stack.engine.getContainer(id!)
      expect(JSON.stringify(await container.inspect())).not.toContain(password)
      const { Processes } = (await container.top()) as { Processes: string[][] }
      expect(JSON.stringify(Processes)).not.toContain(password)
      run.process.kill('SIGINT')
      expect((await run.done).code).toBe(130)
    })
  })

  test('detects a flipped byte of any file, and names the file', async () => {
    const [set] = await listLogicalSets(stack)
    for (const file of files) {
      await flipByte(`logical/${set!.name}/${file}`, 30)
      const { damaged, problems } = await verifySets(stack, set!.name)
      expect(damaged).toEqual([set!.name])
      expect(problems.join()).toContain(file === 'SHA256SUMS' ? 'contents.json' : file)
      await flipByte(`logical/${set!.name}/${file}`, 30)
    }
  })

  test('verify ends with the exit code of damage, and restore refuses it', async () => {
    const [set] = await listLogicalSets(stack)
    await flipByte(`logical/${set!.name}/database.dump`, 30)
    const damaged = await sandbox.cli('verify')
    expect(damaged.code).toBe(4)
    expect(damaged.stdout).toContain(`damaged  ${set!.name}`)
    expect(damaged.stderr).toContain(`${set!.name}/database.dump: FAILED`)
    expect((await sandbox.cli('restore', '--yes')).code).toBe(4)
    await flipByte(`logical/${set!.name}/database.dump`, 30)
    expect((await sandbox.cli('verify')).code).toBe(0)
  })

  test('detects a file that is gone, and a list that was shortened with it', async () => {
    const [set] = await listLogicalSets(stack)
    await inVolume(
      `cd logical/${set!.name}; mv globals.sql ..; cp SHA256SUMS ../sums; sed -i /globals/d SHA256SUMS`,
    )
    const { code, stderr } = await sandbox.cli('verify')
    expect(code).toBe(4)
    expect(stderr).toContain('globals.sql')
    await inVolume(`cd logical; mv globals.sql ${set!.name}/; mv sums ${set!.name}/SHA256SUMS`)
    expect((await sandbox.cli('verify')).code).toBe(0)
  })

  test('fails with a database that does not answer, and leaves nothing', async () => {
    const before = await listFolder()
    // Not stopped: what is on a volume in memory is lost when no container has it.
    const container = await stack.container('postgres')
    await container.pause()
    const { code, stderr } = await sandbox.cli('backup', '--keep', '1').finally(() => container.unpause())
    expect(code).toBe(3)
    expect(stderr).toContain('does not answer')
    await stack.waitUntilHealthy('postgres')
    expect(await listFolder()).toEqual(before)
  })

  test('Ctrl-C during a dump leaves nothing, and a second run at the same time is refused', async () => {
    const before = await listFolder()
    await withLockedTable(async () => {
      const controller = new AbortController()
      const stopped = openStack({
        folder: sandbox.folder,
        project: sandbox.project,
        progress: silent,
        signal: controller.signal,
      }).then((abortable) => makeBackup(abortable, { kind: 'logical' }))
      const outcome = expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED' })
      await waitForPart()
      const second = await sandbox.cli('backup')
      expect(second.code).toBe(5)
      expect(second.stderr).toContain('another backup')
      controller.abort()
      await outcome
      expect(await listFolder()).toEqual(before)
      expect(await findRuns(stack)).toEqual([])
    })
    expect((await sandbox.cli('backup')).code).toBe(0)
  })

  test('removes what a run that was killed has left', async () => {
    await inVolume('mkdir logical/20200101T000000.000Z-dead.part logical/20200101T000000.000Z-dead.deleted')
    const before = (await listFolder()).filter((name) => !name.includes('dead'))
    expect((await sandbox.cli('backup')).code).toBe(0)
    const after = await listFolder()
    expect(after).toHaveLength(before.length + 1)
    expect(after).toEqual(expect.arrayContaining(before))
  })

  test('keeps N good sets whatever else there is, and removes the older ones whole', async () => {
    const all = (await listLogicalSets(stack)).map(({ name }) => name)
    expect(all.length).toBeGreaterThanOrEqual(3)
    const [newest, second, ...older] = all
    await flipByte(`logical/${newest}/database.dump`, 100)
    const dryRun = await sandbox.cli('backup', '--keep', '2', '--dry-run', '--json')
    expect(JSON.parse(dryRun.stdout)).toEqual({ kind: 'logical', wouldRemove: older })
    expect(await listFolder()).toHaveLength(all.length)

    const { code, stdout } = await sandbox.cli('backup', '--keep', '2', '--json')
    expect(code).toBe(0)
    const { backup, removed } = JSON.parse(stdout) as { backup: { name: string }; removed: string[] }
    // The damaged one does not count, so the one before it stays.
    expect(removed).toEqual(older)
    expect(await listFolder()).toEqual([second, newest, backup.name])
    await flipByte(`logical/${newest}/database.dump`, 100)
  })

  test('a full disk is a clear error that leaves nothing and removes nothing; with space it works again', async () => {
    const before = await listFolder()
    await sandbox.query(
      "CREATE TABLE app.noise AS SELECT n, md5(n::text || 'x') AS noise FROM generate_series(1, 60000) AS n",
    )
    // Room for a part of the dump only.
    await inVolume(
      `head -c $(( $(df --block-size=1 --output=avail . | tail -n 1) - 300000 )) /dev/zero > filler`,
    )
    const full = await sandbox.cli('backup', '--keep', '1')
    expect(full.code).toBe(5)
    expect(full.stderr).toContain('The volume of the backups is full')
    expect(await listFolder()).toEqual(before)
    expect(await readDisk()).toMatchObject({ severity: 'critical' })
    await inVolume('rm filler')
    expect((await sandbox.cli('backup')).code).toBe(0)
    expect(await listFolder()).toHaveLength(before.length + 1)
    expect((await sandbox.cli('verify')).code).toBe(0)
  })

  test('status sees a disk of backups that is short of inodes, with space left', async () => {
    expect(await readDisk()).toMatchObject({ severity: 'ok' })
    await inVolume(`mkdir many; seq --format='many/%g' 950 | xargs touch`)
    expect(await readDisk()).toMatchObject({
      severity: 'critical',
      message: expect.stringMatching(/9\d % of inodes|100 % of inodes/) as string,
    })
    await inVolume('rm -r many')
  })

  test('holds the rows that row-level security hides, and large objects', async () => {
    await sandbox.query(`CREATE TABLE app.tenants (name text); INSERT INTO app.tenants VALUES ('hidden-row');
      ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY; ALTER TABLE app.tenants FORCE ROW LEVEL SECURITY;
      CREATE POLICY nobody ON app.tenants USING (false)`)
    await sandbox.query("SELECT lo_from_bytea(0, 'a large object')")
    expect(await sandbox.query('SELECT * FROM app.tenants')).toEqual([])
    const { code, stdout, stderr } = await sandbox.cli('backup', '--json')
    expect([code, stderr]).toEqual([0, stderr])
    const { backup } = JSON.parse(stdout) as { backup: { name: string } }
    const dump = await inVolume(`pg_restore --data-only --file=- logical/${backup.name}/database.dump`)
    expect(dump).toContain('hidden-row')
    expect(dump).toContain(Buffer.from('a large object').toString('hex'))
    const contents = await inVolume(`cat logical/${backup.name}/contents.json`)
    const { tables } = JSON.parse(contents) as { tables: { name: string; rows: number }[] }
    expect(tables).toContainEqual(expect.objectContaining({ name: 'app.tenants', rows: 1 }))
  })

  async function readDisk(): Promise<Finding | undefined> {
    const { stdout } = await sandbox.cli('status', '--json')
    const { findings } = JSON.parse(stdout) as { findings: Finding[] }
    return findings.find(({ check }) => check === 'disk backups')
  }

  /** A dump waits for the table for as long as `work` takes. */
  async function withLockedTable(work: () => Promise<void>): Promise<void> {
    const client = await sandbox.connect()
    try {
      await client.query('BEGIN')
      await client.query('LOCK TABLE app.notes IN ACCESS EXCLUSIVE MODE')
      await work()
    } finally {
      await client.end()
    }
  }

  async function waitForPart(): Promise<void> {
    const hasPart = async (): Promise<boolean> => (await listFolder()).some((name) => name.endsWith('.part'))
    await until(hasPart, 60_000, 'a backup has begun to write')
  }
})

/** Containers of commands that run now. */
async function findRuns(stack: Stack): Promise<string[]> {
  const containers = await stack.engine.listContainers({
    all: true,
    filters: { label: [`${projectLabel}=${stack.name}`] },
  })
  return containers.filter(({ Names }) => Names[0]!.includes('backup-run')).map(({ Id }) => Id)
}
