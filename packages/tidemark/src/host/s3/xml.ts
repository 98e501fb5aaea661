/** The few XML documents that the S3 interface answers with and asks for. No general parser: their shape is fixed. */

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const unescape = (text: string): string =>
  text.replace(/&(#x[0-9a-f]+|#[0-9]+|[a-z]+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16))
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)))
    return ENTITIES[name] ?? whole
  })

const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

/** Text of the first element of that name; undefined if there is none. */
export function textOf(xml: string, element: string): string | undefined {
  const found = new RegExp(`<${element}(?: [^>]*)?>([^<]*)</${element}>`).exec(xml)
  return found === null ? undefined : unescape(found[1] as string)
}

function elementsOf(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^]*?)</${element}>`, 'g'))].map((match) => match[1] as string)
}

/** The code of an error document; empty if it is none. */
export const errorCodeOf = (xml: string): string => (xml.includes('<Error>') ? textOf(xml, 'Code') ?? '' : '')

export interface ListPage {
  /** In full. */
  readonly keys: readonly string[]
  /** In full, each with its slash. */
  readonly prefixes: readonly string[]
  /** Of the next page. */
  readonly next: string | undefined
}

export function parseList(xml: string): ListPage {
  // Asked for by encoding-type=url; a plus is a space there.
  const plain = textOf(xml, 'EncodingType') !== 'url'
  const decode = (text: string | undefined): string =>
    (plain ? text ?? '' : decodeURIComponent((text ?? '').replaceAll('+', ' ')))
  return {
    keys: elementsOf(xml, 'Contents').map((item) => decode(textOf(item, 'Key'))),
    prefixes: elementsOf(xml, 'CommonPrefixes').map((item) => decode(textOf(item, 'Prefix'))),
    next: textOf(xml, 'IsTruncated') === 'true' ? textOf(xml, 'NextContinuationToken') : undefined,
  }
}

/** Of the tags of parts 1, 2, …. */
export function completionOf(etags: readonly string[]): string {
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`)
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
}
