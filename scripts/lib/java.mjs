/**
 * Java and Maven, where something needs them: Flink in the bench, the S3 server of the tests.
 *
 * Nothing is installed on the machine. What is missing is said, never passed over: every function here gives the
 * reason as `{ missing }`.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'

/** What it printed; undefined: it is not there, or failed. */
export function runnable(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? `${stdout}${stderr}` : undefined
}

/**
 * Of JAVA_HOME, else of PATH: `{ java, javac, about }`, or why there is none. `compiler`: a JDK is needed, else `javac`
 * may lead nowhere. `user` is for the message.
 */
export function findJava(least, { user, compiler = false }) {
  const home = process.env.JAVA_HOME
  const program = (name) => (home ? join(home, 'bin', name) : name)
  const name = compiler ? 'javac' : 'java'
  const about = runnable(program(name), ['-version'])?.split('\n').find((line) => !line.startsWith('Picked up '))
  if (about === undefined) return { missing: `no Java: no ${name} ${home ? `below JAVA_HOME (${home})` : 'on PATH'}` }
  const major = Number(/(\d+)/.exec(about)?.[1])
  if (!(major >= least)) return { missing: `Java is ${about}, and ${user} needs ${least} or later` }
  return { java: program('java'), javac: program('javac'), about }
}

export const findMaven = () => (runnable('mvn', ['-version']) === undefined ? { missing: 'no Maven: no mvn on PATH' } : {})

/**
 * Fetches one jar through Maven to `path`, once; whoever asks at the same time gets the same. `artifact` is
 * group:name:version:jar:classifier. A jar that is not the one of `sha256` is refused. `{}`, or why it is not there.
 */
export function fetchJar(artifact, sha256, path) {
  if (existsSync(path)) return {}
  const maven = findMaven()
  if (maven.missing !== undefined) return maven
  const unfinished = `${path}.${randomBytes(4).toString('hex')}`
  mkdirSync(dirname(path), { recursive: true })
  try {
    const args = ['-q', '-B', COPY, `-Dartifact=${artifact}`, `-DoutputDirectory=${unfinished}`]
    const { status, stdout } = spawnSync('mvn', args, { encoding: 'utf8', cwd: dirname(path) })
    if (status !== 0) return { missing: `Maven could not fetch ${artifact}:\n${stdout.slice(0, 2000)}` }
    const [, name, version, , classifier] = artifact.split(':')
    const jar = join(unfinished, `${name}-${version}-${classifier}.jar`)
    const found = createHash('sha256').update(readFileSync(jar)).digest('hex')
    if (found !== sha256) return { missing: `${basename(jar)} is not the one that was pinned: SHA-256 ${found}` }
    renameSync(jar, path)
    return {}
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}
