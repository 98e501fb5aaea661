/**
 * What this machine can do to a process: strace, private mounts, limits, libfaketime.
 *
 * Each is tried once with a harmless command, since a tool that is installed may still be forbidden (in
 * a container, for an ordinary user). What is missing is a reason to skip, which the report shows.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { ROOT } from '../lib/workspace.mjs'
import { demand } from './engine.mjs'

const FAKETIME = [
  process.env.FAKETIME_LIB, '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1', '/usr/lib/faketime/libfaketime.so.1',
]

const works = (command, args) => spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0
const isRoot = () => process.getuid?.() === 0

/** Only in CI and as root: the Debian packages that the faults need. */
export function installTools() {
  if (process.env.CI !== 'true' || !isRoot() || !works('apt-get', ['--version'])) return
  if (works('strace', ['-V'])) return
  works('apt-get', ['update', '-q'])
  spawnSync('apt-get', ['install', '-qy', '--no-install-recommends', 'strace', 'libfaketime', 'util-linux'], {
    stdio: 'inherit', timeout: 180_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

/** Each entry is undefined if it works, else the reason why not. */
export function probeMachine() {
  const linux = process.platform === 'linux'
  const check = (ok, why) => (linux && ok() ? undefined : why)
  const namespaces = namespaceFlags()
  return {
    strace: check(
      () => {
        const [command, ...args] = straced({ log: '/dev/null', calls: 'fsync', inject: 'error=EIO' })
        return works(command, [...args, 'true'])
      },
      'strace is not installed or may not trace',
    ),
    mounts: check(() => namespaces !== undefined, 'no private mount namespace (unshare -m is refused)'),
    networks: check(
      () => namespaces !== undefined && works('unshare', [...namespaces.unshare, '-n', 'true']),
      'no private network namespace (unshare -n is refused)',
    ),
    limits: check(() => works('prlimit', ['--fsize=1000000', 'true']), 'prlimit is not installed'),
    faketime: check(() => faketimeLibrary() !== undefined, 'libfaketime is not installed'),
    namespaces,
  }
}

export const faketimeLibrary = () => FAKETIME.find((path) => path !== undefined && existsSync(path))

/** As root a plain namespace, else one in which this user is root. */
function namespaceFlags() {
  const mount = ['sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt']
  if (works('unshare', ['-m', ...mount])) return { unshare: ['-m'], nsenter: ['-m'] }
  if (works('unshare', ['-Urm', ...mount])) {
    return { unshare: ['-Urm'], nsenter: ['-U', '-m', '--preserve-credentials'] }
  }
  return undefined
}

/** A mount namespace of its own, held open by a process, with one mount at `directory`. */
export class PrivateMount {
  static async open(machine, directory, mountCommand) {
    const script = `${mountCommand} && echo ready && exec cat`
    const { unshare } = machine.namespaces
    const args = [...unshare, 'sh', '-c', script, directory]
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ready = await new Promise((resolve) => {
      holder.stdout.once('data', () => resolve(true))
      holder.once('close', () => resolve(false))
    })
    demand(ready, `the private mount could not be made: ${mountCommand}`)
    return new PrivateMount(machine, holder, directory)
  }

  constructor(machine, holder, directory) {
    this.holder = holder
    this.directory = directory
    this.enter = ['nsenter', '-t', String(holder.pid), ...machine.namespaces.nsenter]
    /** Becomes the command by exec, inside the namespace. */
    this.wrap = [...this.enter, 'sh', '-c', 'cd "$0" && exec "$@"', ROOT]
  }

  /** The path as it is seen from outside. */
  view = (path) => `/proc/${this.holder.pid}/root${path}`

  /** Runs a shell line inside, with $0 as the mounted directory. */
  inside(line) {
    const [command, ...args] = this.enter
    return spawnSync(command, [...args, 'sh', '-c', line, this.directory], { stdio: 'ignore' }).status === 0
  }

  close() {
    return new Promise((resolve) => {
      this.holder.once('close', resolve)
      this.holder.stdin.end()
    })
  }
}

/** Did strace tamper with any call? */
export const injected = (log) => existsSync(log) && readFileSync(log, 'utf8').includes('(INJECTED)')

/** Wraps a command so that strace tampers with its calls; -D keeps the process id the engine's. */
export function straced({ log, calls, inject, paths = [] }) {
  return [
    'strace', '-D', '-f', '--seccomp-bpf', '-qq', '-o', log, ...paths.flatMap((path) => ['-P', path]),
    '-e', `trace=${calls}`, '-e', `inject=${calls}:${inject}`,
  ]
}
