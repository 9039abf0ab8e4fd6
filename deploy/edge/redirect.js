// Short links at the edge: a CloudFront Function (JavaScript runtime 2.0, viewer request) that answers every request
// itself. What it reads from the key value store is described in README.md beside it. Only the features that AWS lists
// for the runtime are used: no destructuring, no spread, no for-of, no await in an argument.
import cf from 'cloudfront';
import crypto from 'crypto';

const store = cf.kvs();
const TYPE = 'ctx+jwt';
const CLOCK_SKEW = 60; // seconds
const LAST_POSITION = 1000000;
const SLUG = /^[A-Za-z0-9_-]{4,24}$/;
const SLUG_PATH = /^\/([A-Za-z0-9_-]{4,24})(\/?)$/;
const HANDLE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ID = /^[!-~]{1,256}$/;

async function handler(event) {
    const request = event.request;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        return refused(request, 405, 'Method Not Allowed', 'Use GET or HEAD.');
    }
    const now = Date.now() / 1000;
    const settings = await read('settings', 'json');
    const path = SLUG_PATH.exec(request.uri);
    const slug = path && (settings.slash || !path[2]) ? path[1] : null;
    const handle = await handleOf(request.headers.host, settings.domain);
    const link = slug && handle ? await read(`${handle}/${slug}`, 'json') : null;
    if (!link) {
        return refused(request, 404, 'Not Found', 'This link does not exist.');
    }
    if (link.expires && now >= link.expires) {
        return refused(request, 410, 'Gone', 'This link has expired.');
    }
    let destination = link.to;
    if (link.ctx && settings.secrets.length) {
        const claims = context(event, handle, slug, Math.floor(now), settings);
        destination = withCtx(destination, signed(claims, settings.secrets[0]));
    }
    return answer(link.status || 302, link.status === 307 ? 'Temporary Redirect' : 'Found', 'location', destination);
}

// The value of a key, or null where there is none. A store that fails is an error, not a missing link.
async function read(key, format) {
    let failure = null;
    let value = null;
    try {
        value = await store.get(key, { format: format });
    } catch (error) {
        failure = error;
    }
    if (failure) {
        const exists = await store.exists(key);
        if (exists || key === 'settings') {
            throw failure;
        }
    }
    return value;
}

async function handleOf(header, domain) {
    const host = header ? header.value.toLowerCase().split(':')[0].replace(/\.$/, '') : '';
    const dot = host.indexOf('.');
    if (host.slice(dot + 1) === domain) {
        return host.slice(0, dot);
    }
    return dot > 0 ? read(host, 'string') : null;
}

// The claims of this click. A ctx that came with the request is continued: same session, next position.
function context(event, handle, slug, now, settings) {
    const claims = { h: handle, s: slug, jti: event.context.requestId, iat: now, exp: now + settings.ttl };
    const headers = event.request.headers;
    claims.consent = says(headers['sec-gpc']) || says(headers.dnt) ? 'denied' : 'full';
    const given = event.request.querystring.ctx;
    const before = given ? verified(given.value, settings.secrets, now) : null;
    if (before) {
        if (before.sid !== undefined) {
            claims.sid = before.sid;
        }
        claims.pos = Math.min((before.pos || 0) + 1, LAST_POSITION);
    }
    return claims;
}

function says(header) {
    return header !== undefined && header.value === '1';
}

function signed(claims, secret) {
    const text = `${encoded({ alg: 'HS256', typ: TYPE })}.${encoded(claims)}`;
    return `${text}.${signature(text, secret)}`;
}

function encoded(object) {
    return Buffer.from(JSON.stringify(object)).toString('base64url');
}

function signature(text, secret) {
    return crypto.createHmac('sha256', secret).update(text).digest('base64url');
}

// The claims of a ctx that one of the secrets signed and that has not expired; null for anything else.
function verified(token, secrets, now) {
    const parts = token.split('.');
    if (parts.length !== 3) {
        return null;
    }
    const text = `${parts[0]}.${parts[1]}`;
    if (!secrets.some((secret) => isSame(parts[2], signature(text, secret)))) {
        return null;
    }
    const header = decoded(parts[0]);
    const claims = decoded(parts[1]);
    if (!header || header.alg !== 'HS256' || header.typ !== TYPE || !claims || !isContext(claims)) {
        return null;
    }
    return claims.iat <= now + CLOCK_SKEW && now < claims.exp + CLOCK_SKEW ? claims : null;
}

function isContext(claims) {
    return matches(claims.h, HANDLE) && matches(claims.s, SLUG) && matches(claims.jti, ID) &&
        isWhole(claims.iat) && isWhole(claims.exp) &&
        ['full', 'basic', 'denied'].indexOf(claims.consent) >= 0 &&
        (claims.sid === undefined || matches(claims.sid, ID)) &&
        (claims.pos === undefined || (isWhole(claims.pos) && claims.pos <= LAST_POSITION));
}

function matches(value, pattern) {
    return typeof value === 'string' && pattern.test(value);
}

function isWhole(value) {
    return typeof value === 'number' && value % 1 === 0 && value > 0;
}

function decoded(part) {
    try {
        return JSON.parse(Buffer.from(part, 'base64url').toString());
    } catch (error) {
        return null;
    }
}

// Takes as long for a near miss as for any other: time tells nothing of the signature.
function isSame(given, expected) {
    let difference = given.length ^ expected.length;
    for (let place = 0; place < expected.length; place++) {
        difference |= given.charCodeAt(place) ^ expected.charCodeAt(place);
    }
    return difference === 0;
}

// The destination with ?ctx=, before its fragment, in place of a ctx that it has; the rest of it stays byte for byte.
function withCtx(destination, token) {
    const hash = destination.indexOf('#');
    const fragment = hash < 0 ? '' : destination.slice(hash);
    const address = hash < 0 ? destination : destination.slice(0, hash);
    const mark = address.indexOf('?');
    const path = mark < 0 ? address : address.slice(0, mark);
    const query = mark < 0 ? '' : address.slice(mark + 1);
    const kept = query === '' ? [] : query.split('&').filter((part) => part.split('=')[0] !== 'ctx');
    kept.push(`ctx=${token}`);
    return `${path}?${kept.join('&')}${fragment}`;
}

function refused(request, status, description, sentence) {
    const response = answer(status, description, 'content-type', 'text/plain; charset=utf-8');
    if (status === 405) {
        response.headers.allow = { value: 'GET, HEAD' };
    }
    if (request.method !== 'HEAD') {
        response.body = { encoding: 'text', data: sentence };
    }
    return response;
}

function answer(status, description, header, value) {
    const headers = { 'cache-control': { value: 'no-store' } };
    headers[header] = { value: value };
    return { statusCode: status, statusDescription: description, headers: headers };
}
