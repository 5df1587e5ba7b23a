/** The API reference: Swagger UI draws the operations of an openapi.json, and sends what is tried to our own host. */

/** Says in place of the operations that they are on their way, or cannot be had. */
const STATES = { loading: "Loading…", failed: "The description could not be loaded." };

/** A plugin of Swagger UI: a layout without the head that the page has itself, and paths that are text, not links. */
function usePageLayout({ React: { createElement } }) {
  return {
    components: {
      DeepLink: ({ text }) => createElement("span", null, text), // it stands inside of a button
      OperationsLayout: ({ getComponent, specSelectors }) => {
        const state = specSelectors.loadingStatus();
        if (state !== "success")
          return createElement("p", { className: "swagger-ui" }, STATES[state] ?? STATES.loading);
        const parts = ["SvgAssets", "AuthorizeBtnContainer", "operations", "Models"];
        return createElement(
          "div",
          { className: "swagger-ui" },
          ...parts.map(name => createElement(getComponent(name, true), { key: name })),
        );
      },
    },
  };
}

const place = document.getElementById("api-reference");

globalThis.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapi,
  plugins: [usePageLayout],
  layout: "OperationsLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  syntaxHighlight: { activated: false }, // its colours fit one theme only
  validatorUrl: null, // by default it asks a foreign host
});
