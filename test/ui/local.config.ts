import base from "./playwright.config";
export default { ...base, globalSetup: undefined, timeout: 400000 };
