/**
 * Apache Flink for the comparison: finds a JDK and Maven, builds the jobs, runs one query in a JVM.
 *
 * What is missing is said, never passed over: `prepareFlink` gives the reason.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findJava, findMaven } from '../../scripts/lib/java.mjs'
import { lastJson } from '../lib/pairs.mjs'

const PROJECT = fileURLToPath(new URL('./flink', import.meta.url))
const LEAST_JAVA = 17
export const SETTINGS = ['exchange', 'chained', 'two']

const version = () => /<flink.version>([^<]+)</.exec(readFileSync(join(PROJECT, 'pom.xml'), 'utf8'))?.[1]

const filesBelow = (directory) => readdirSync(directory, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

/** Whether the jar is younger than what it is made of. */
function upToDate(jar) {
  if (!existsSync(jar)) return false
  const built = statSync(jar).mtimeMs
  return [join(PROJECT, 'pom.xml'), ...filesBelow(join(PROJECT, 'src'))].every((file) => statSync(file).mtimeMs < built)
}

function withMaven() {
  const jar = join(PROJECT, 'target', 'nexmark-flink-1.jar')
  if (!upToDate(jar)) {
    const maven = findMaven()
    if (maven.missing !== undefined) return maven
    const { status, stdout } = spawnSync('mvn', ['-q', '-B', 'package'], { cwd: PROJECT, encoding: 'utf8' })
    if (status !== 0) return { missing: `Maven could not build the jobs:\n${stdout.slice(0, 2000)}` }
  }
  return { classPath: [jar, join(PROJECT, 'target', 'lib', '*')].join(delimiter), version: version() }
}

/** Against the jars of an installed Flink. */
function withInstalled(path, javac) {
  const jars = join(path, 'lib')
  if (!existsSync(jars)) return { missing: `there is no folder lib in ${path}` }
  const classes = join(PROJECT, 'target', 'classes-installed')
  rmSync(classes, { recursive: true, force: true })
  mkdirSync(classes, { recursive: true })
  const sources = filesBelow(join(PROJECT, 'src')).filter((file) => file.endsWith('.java'))
  try {
    execFileSync(javac, ['-d', classes, '-cp', join(jars, '*'), ...sources], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    return { missing: `the jobs do not compile against ${jars}:\n${String(error.stderr).slice(0, 2000)}` }
  }
  return { classPath: [classes, join(jars, '*')].join(delimiter), version: `of ${path}` }
}

/** `installed`: folder of a Flink whose jars are used; without it they come through Maven. */
export function prepareFlink(installed) {
  const found = findJava(LEAST_JAVA, { user: 'Flink 2', compiler: true })
  if (found.missing !== undefined) return found
  const built = installed === undefined ? withMaven() : withInstalled(installed, found.javac)
  return built.missing === undefined ? { ...built, java: found.java, jdk: found.about } : built
}

/** Flink opens classes of the JDK by reflection; these are the flags of its own start scripts. */
const OPENS = ['java.lang', 'java.net', 'java.io', 'java.nio', 'java.text', 'java.time', 'java.util',
  'java.util.concurrent', 'java.util.concurrent.atomic', 'java.util.concurrent.locks']
  .map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`)

/** One JVM: `{ settings: { name: rates }, results }`. `options` as in Main.java. */
export const runFlink = (flink, query, events, { heapMb, options = [] }) => lastJson(flink.java, [
  `-Xmx${heapMb}m`, `-Xms${heapMb}m`, '-XX:+UseG1GC', ...OPENS,
  '-cp', flink.classPath, 'tidemark.bench.Main', query, String(events), ...options,
], `Flink, ${query}`)
