// Shows /openapi.json. All text of it goes in as text, never as markup.

/** @param {string} name @param {Record<string, string>} attributes @param {(Node | string)[]} children */
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** The paragraphs of a description; what stands between backquotes is code. */
const paragraphs = (text = "") =>
  text
    .split("\n\n")
    .filter((paragraph) => paragraph !== "")
    .map((paragraph) => element("p", {}, ...inline(paragraph)));

const inline = (text = "") =>
  text.split("`").map((part, place) => (place % 2 === 1 ? element("code", {}, part) : document.createTextNode(part)));

const shortName = (reference) => reference.split("/").pop().split(".").pop();
const anchor = (reference) => `schema-${reference.split("/").pop()}`;

/** What a schema is, in a few words. */
const typeOf = (schema = {}) => {
  if (schema.$ref) return [element("a", { href: `#${anchor(schema.$ref)}` }, shortName(schema.$ref))];
  if (schema.type === "array") return ["array of ", ...typeOf(schema.items)];
  if (schema.additionalProperties && typeof schema.additionalProperties === "object") {
    return ["map to ", ...typeOf(schema.additionalProperties)];
  }
  if (schema.anyOf) return ["number"];
  const type = [schema.type ?? "any"].flat().join(" or ");
  const detail = schema.format ?? schema.contentEncoding;
  return [detail ? `${type} (${detail})` : type];
};

const table = (headings, rows) =>
  element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": headings.join(", ") },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...headings.map((heading) => element("th", { scope: "col" }, heading)))),
      element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, ...cell))))),
    ),
  );

const fields = (schema) =>
  Object.entries(schema.properties ?? {}).map(([name, field]) => [
    [element("code", {}, name)],
    typeOf(field),
    inline(field.description),
  ]);

const json = (value) => element("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));

const parametersOf = (operation) => {
  if (operation.parameters.length === 0) return [];
  const rows = operation.parameters.map((parameter) => [
    [element("code", {}, parameter.name), parameter.required ? " (required)" : ""],
    [parameter.in],
    typeOf(parameter.schema),
    inline(parameter.description ?? parameter.schema.description),
    parameter.example === undefined ? [] : [element("code", {}, String(parameter.example))],
  ]);
  return [element("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning", "Example"], rows)];
};

const contentOf = (content = {}) =>
  Object.entries(content).flatMap(([type, { schema = {}, example }]) => [
    element("p", {}, element("code", {}, type), ": ", ...typeOf(schema)),
    ...(schema.properties ? [table(["Field", "Type", "Meaning"], fields(schema))] : []),
    ...(example === undefined ? [] : [json(example)]),
  ]);

const bodyOf = (operation) =>
  operation.requestBody ? [element("h4", {}, "Body"), ...contentOf(operation.requestBody.content)] : [];

const responsesOf = (operation) => {
  const entries = Object.entries(operation.responses);
  const isError = ([status]) => status >= "400";
  const successes = entries.filter((entry) => !isError(entry)).flatMap(([status, response]) => [
    element("p", {}, element("strong", {}, status), " ", ...inline(response.description)),
    ...contentOf(response.content),
  ]);
  const errors = entries.filter(isError).map(([status, response]) => [[status], inline(response.description)]);
  return [element("h4", {}, "Answers"), ...successes, table(["Status", "Reasons"], errors)];
};

const section = (path, method, operation) =>
  element(
    "section",
    { id: operation.operationId, class: "operation" },
    element("h3", {}, operation.summary),
    element("p", { class: "call" }, element("span", { class: `method ${method}` }, method.toUpperCase()), " ", element("code", {}, path)),
    ...paragraphs(operation.description),
    element("p", {}, operation.security.length === 0 ? "For anyone." : "For people: a Bearer token, or the cookies of a browser session."),
    ...parametersOf(operation),
    ...bodyOf(operation),
    ...responsesOf(operation),
  );

const show = (api) => {
  const about = document.querySelector("#about");
  about.replaceChildren(
    `${api.info.description} Version ${api.info.version}, as `,
    element("a", { href: "/openapi.json" }, `OpenAPI ${api.openapi}`),
    ".",
  );
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [group] = operation.tags;
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push({ path, method, operation });
    }
  }
  const index = document.querySelector("#index");
  const operations = document.querySelector("#operations");
  for (const [group, entries] of groups) {
    const links = entries.map(({ path, method, operation }) =>
      element(
        "li",
        { "data-text": `${operation.summary} ${method} ${path}`.toLowerCase() },
        element("a", { href: `#${operation.operationId}` }, operation.summary),
      ),
    );
    index.append(element("li", {}, group, element("ul", {}, ...links)));
    operations.append(element("h2", {}, group), ...entries.map(({ path, method, operation }) => section(path, method, operation)));
  }
  const schemas = document.querySelector("#schemas");
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const values = (schema.enum ?? []).map((value) => element("li", {}, element("code", {}, value)));
    schemas.append(
      element("h3", { id: `schema-${name}` }, name.split(".").pop()),
      ...paragraphs(schema.description),
      ...(values.length > 0 ? [element("ul", {}, ...values)] : []),
      ...(schema.properties ? [table(["Field", "Type", "Meaning"], fields(schema))] : []),
    );
  }
  schemas.hidden = false;
  // Where the address leads, now that it is there.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
};

document.querySelector("#find").addEventListener("input", ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/);
  for (const entry of document.querySelectorAll("#index [data-text]")) {
    entry.hidden = !words.every((word) => entry.dataset.text.includes(word));
  }
});

try {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  show(await response.json());
} catch (error) {
  document.querySelector("#about").textContent = `openapi.json cannot be read: ${error.message}`;
}
