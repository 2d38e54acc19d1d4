// A user with a browser, for the tests: node browser.mjs ADDRESS USER [refuse] [CODE]
// Opens the address, enters the code, signs in and agrees, or refuses. Prints the last page.
const [address, user, ...wishes] = process.argv.slice(2);
const refuses = wishes.includes('refuse');
const code = wishes.find((wish) => wish !== 'refuse');

const cookies = new Map();

async function visit(url, form) {
  const answer = await fetch(url, {
    method: form ? 'POST' : 'GET',
    body: form,
    redirect: 'manual',
    headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
  });
  for (const cookie of answer.headers.getSetCookie()) {
    const [name, value] = cookie.split(';')[0].split(/=(.*)/s);
    if (value) cookies.set(name, value);
    else cookies.delete(name);
  }
  const next = answer.headers.get('location');
  return next ? visit(new URL(next, url)) : { url, text: await answer.text() };
}

// Returns a page's form as a user fills it in, or undefined if the page has none.
function filled({ url, text }) {
  const form = text.match(/<form[^>]*action="([^"]*)"[^>]*>(.*?)<\/form>/s);
  if (!form) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
    const attribute = (name) => input.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1];
    const name = attribute('name');
    if (!name || attribute('type') === 'submit') continue;
    fields.set(name, attribute('value') ?? '');
  }
  if (fields.has('login')) fields.set('login', user);
  if (fields.has('password')) fields.set('password', 'any');
  if (code && fields.get('user_code') === '') fields.set('user_code', code);
  return [new URL(form[1], url), fields];
}

let page = await visit(new URL(address));
for (let step = 0; step < 12; step += 1) {
  const refusal = refuses && page.text.match(/<a href="([^"]*\/abort)"/);
  const next = filled(page);
  if (refusal) page = await visit(new URL(refusal[1], page.url));
  else if (next) page = await visit(...next);
  else break;
}
console.log(page.text.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, ' '));
