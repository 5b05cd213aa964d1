import { MAX_VERSION, MIN_VERSION, versionText } from '../version.ts'
import type { Facts, OpenApi, Operation } from './document.ts'

/** The document as a page: no script, no font, no picture, nothing from elsewhere. */
export function renderPage(document: OpenApi): string {
  const { title, version, description } = document.info as Record<string, string>
  const byTag = new Map(document.tags.map(({ name }) => [name, [] as string[]]))
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      byTag.get(operation.tags[0]!)?.push(operationOf(method, path, operation))
    }
  }
  const tags = [...byTag].filter(([, operations]) => operations.length > 0)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} ${escaped(version)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(title)} <small>${escaped(version)}</small></h1>
<p>${escaped(description)}</p>
<form action="docs"><label>Microversion <select name="version">${versions(version)}</select></label> <button>Show</button>
<a href="openapi.json?version=${escaped(version)}">openapi.json</a></form>
</header>
<div class="columns">
<nav aria-label="Resources"><ul>${tags.map(([tag]) => `<li><a href="#${anchor(tag)}">${escaped(tag)}</a></li>`).join('')}</ul></nav>
<main>
${tags.map(([tag, operations]) => `<section id="${anchor(tag)}"><h2>${escaped(tag)}</h2>\n${operations.join('\n')}</section>`).join('\n')}
</main>
</div>
</body>
</html>
`
}

function versions(current: string | undefined): string {
  const all = Array.from({ length: MAX_VERSION - MIN_VERSION + 1 }, (_, index) => versionText(MAX_VERSION - index))
  return all.map((v) => `<option${v === current ? ' selected' : ''}>${v}</option>`).join('')
}

function operationOf(method: string, path: string, operation: Operation): string {
  const facts = operation['x-openstack']
  return `<details>
<summary><b class="${method}">${method.toUpperCase()}</b> <code>${escaped(path)}</code> <span>${escaped(operation.summary)}</span></summary>
${isFacts(facts) ? `<p>${factsOf(facts)}</p>` : actionsOf(facts)}
${parametersOf(operation)}
${bodyOf(operation)}
</details>`
}

const isFacts = (facts: Operation['x-openstack']): facts is Facts => typeof facts.min === 'string'

const factsOf = ({ min, max, policy, status }: Facts): string =>
  [
    `Answers <b>${status}</b>`,
    `from ${escaped(min)} ${max === null ? 'on' : `to ${escaped(max)}`}`,
    policy === null ? '' : `rule <code>${escaped(policy)}</code>`,
  ]
    .filter((part) => part !== '')
    .join(' · ')

function actionsOf(actions: Readonly<Record<string, Facts & { summary: string }>>): string {
  const rows = Object.entries(actions).map(
    ([key, facts]) =>
      `<tr><td><code>${escaped(key)}</code></td><td>${escaped(facts.summary)}</td><td>${factsOf(facts)}</td></tr>`,
  )
  return `<table><thead><tr><th>Action</th><th>What</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function parametersOf({ parameters }: Operation): string {
  const shown = parameters.filter((parameter) => parameter.in === 'query')
  if (shown.length === 0) return ''
  const rows = shown.map(
    ({ name, schema }) => `<tr><td><code>${escaped(name)}</code></td><td><code>${escaped(JSON.stringify(schema))}</code></td></tr>`,
  )
  return `<h3>Query</h3><table><tbody>${rows.join('')}</tbody></table>`
}

function bodyOf({ requestBody }: Operation): string {
  if (!requestBody) return ''
  const { schema } = requestBody.content['application/json']!
  return `<h3>Body</h3><pre>${escaped(JSON.stringify(schema, null, 2))}</pre>`
}

const anchor = (tag: string): string => tag.replaceAll(/[^a-zA-Z0-9]+/g, '-')

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string | undefined): string => (text ?? '').replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!)

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; }
header { padding: 1rem 1.5rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.5rem; } h1 small { font-weight: normal; opacity: .7; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1.15rem; } h3 { margin: .75rem 0 .25rem; font-size: .9rem; }
.columns { display: flex; }
nav { flex: 0 0 15rem; padding: 1rem 1.5rem; border-right: 1px solid var(--line); }
nav ul { position: sticky; top: 1rem; margin: 0; padding: 0; list-style: none; max-height: 95vh; overflow: auto; }
main { flex: 1; min-width: 0; padding: 0 1.5rem 3rem; }
details { border: 1px solid var(--line); border-radius: 4px; margin: .35rem 0; padding: 0 .75rem; }
summary { padding: .4rem 0; cursor: pointer; } summary span { opacity: .75; }
summary b { display: inline-block; width: 4.2rem; font: bold .8rem ui-monospace, monospace; }
.get { color: #1a7f5a; } .post { color: #1f6feb; } .put { color: #b26a00; } .delete { color: #cf222e; }
code, pre { font: .85rem ui-monospace, monospace; } pre { overflow: auto; max-height: 30rem; padding: .75rem; background: var(--soft); }
table { border-collapse: collapse; } td, th { padding: .2rem .75rem .2rem 0; text-align: left; vertical-align: top; }
td:first-child code { white-space: nowrap; }
td { border-top: 1px solid var(--line); word-break: break-word; }
@media (max-width: 45rem) { nav { display: none; } }
`
