import { Navigate, useLocation } from "react-router-dom";
import { nextOf } from "./back";

/** /login, for those who are signed in by now. */
export default function LoginView() {
  return <Navigate to={nextOf(useLocation())} replace />;
}
