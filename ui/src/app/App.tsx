import { Component, Suspense, useEffect } from "react";
import type { ReactNode } from "react";
import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { createBrowserRouter, isRouteErrorResponse, RouterProvider, useRouteError } from "react-router-dom";
import type { LoaderFunctionArgs } from "react-router-dom";
import { ApiError, setOnUnauthorized } from "@/api/client";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { dagRoutes, loaded, topRoutes } from "@/app/routes";
import type { LoadedRoute } from "@/app/routes";
import { Shell } from "@/app/Shell";
import { ErrorState } from "@/components/ErrorState";
import { Toasts } from "@/components/Toast";
import { TipLayer } from "@/components/Tip";
import { NotFound } from "@/views/notfound/NotFound";
import { DagFrame } from "@/views/dag/DagFrame";
import { SignIn } from "@/views/signin/SignIn";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What the server refused stays refused; what it could not do just now is asked for again.
      retry: (n, e) => n < 2 && (!(e instanceof ApiError) || e.status === 0 || e.status >= 502),
      retryDelay: (n) => Math.min(500 * 2 ** n, 4000),
    },
    mutations: { retry: false },
  },
});

function RouteError() {
  const error = useRouteError();
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFound />;
  // A new version of the page was installed: its old pieces are gone from the server.
  if (error instanceof Error && /dynamically imported module|module script failed/i.test(error.message)) return <Renewed />;
  return <div style={{ padding: "var(--space-5)" }}><ErrorState error={error} retry={() => location.reload()} /></div>;
}

/* Loads the page again, once: the second time says what is wrong. */
function Renewed() {
  const again = sessionStorage.getItem("tradewind.renewed") !== location.href;
  useEffect(() => {
    if (!again) return;
    sessionStorage.setItem("tradewind.renewed", location.href);
    location.reload();
  }, [again]);
  return again ? null : <div style={{ padding: "var(--space-5)" }}><ErrorState error={new ApiError(0, "", "GET", location.href)} retry={() => location.reload()} /></div>;
}

/*
 * A press on a link asks for code, words and data of its view at once, and goes there when code and words have come. The first page of a visit
 * does not wait for them: its frame is drawn before.
 */
const page = (r: LoadedRoute) => ({
  id: r.id,
  element: <Suspense fallback={null}><r.View /></Suspense>,
  loader: async ({ params, request }: LoaderFunctionArgs) => {
    r.data?.(client, params, new URL(request.url).searchParams);
    await r.load();
    return null;
  },
  shouldRevalidate: () => false,
});

const router = createBrowserRouter([
  {
    element: <Shell />,
    errorElement: <RouteError />,
    children: [
      {
        errorElement: <RouteError />,
        children: [
          ...topRoutes.map((r) => ({ path: r.path, ...page(r) })),
          {
            path: "/dags/:dag",
            element: <DagFrame />,
            children: dagRoutes.map((r) => (r.path === "" ? { index: true as const, ...page(r) } : { path: r.path, ...page(r), errorElement: <RouteError /> })),
          },
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
  },
], { hydrationData: { loaderData: loaded } });

function Gate() {
  const queries = useQueryClient();
  const { session, loading, error, retry } = useSession();
  useEffect(() => {
    setOnUnauthorized(() => void queries.invalidateQueries({ queryKey: keys.session }));
  }, [queries]);
  if (loading) return null;
  if (error) return <main style={{ maxWidth: "36rem", margin: "4rem auto", padding: "0 1rem" }}><ErrorState error={error} retry={retry} /></main>;
  if (!session.user || session.user.first_password) return <SignIn />;
  return <RouterProvider router={router} />;
}

/* What breaks outside of all views. */
class LastResort extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    if (this.state.error === null) return this.props.children;
    return <main style={{ maxWidth: "36rem", margin: "4rem auto", padding: "0 1rem" }}><ErrorState error={this.state.error} retry={() => location.reload()} /></main>;
  }
}

export function App() {
  return (
    <LastResort>
      <QueryClientProvider client={client}>
        <Suspense fallback={null}>
          <Gate />
          <Toasts />
          <TipLayer />
        </Suspense>
      </QueryClientProvider>
    </LastResort>
  );
}
