import { api } from "@/api/client";
import type { Description } from "./model";

/** api/openapi.yaml as the server gives it: it stays the same for as long as the program does. */
export const descriptionQuery = {
  queryKey: ["openapi"],
  queryFn: () => api.get<Description>("/openapi.json"),
  staleTime: 60 * 60_000,
};
