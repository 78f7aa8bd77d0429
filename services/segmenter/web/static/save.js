// What people take away: the painted picture, the run lengths, the command that asks the same.

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The curl command; the key is left to the environment, so that no file holds it. */
export function curlCommand(name, expressions, needsKey) {
  const url = new URL("v1/segment", location.href).href;
  const lines = [`curl -sS --fail-with-body ${quote(url)}`];
  if (needsKey) lines.push('  -H "Authorization: Bearer $SYNRES_API_KEY"');
  lines.push(`  -F ${quote(`image=@"${name.replaceAll(/["\\]/g, "\\$&")}"`)}`);
  for (const each of expressions) lines.push(`  --form-string ${quote(`expressions=${each}`)}`);
  return lines.join(" \\\n") + "\n";
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export const stem = (name) => name.replace(/\.[^.]*$/, "") || "picture";
