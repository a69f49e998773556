// Sign-in: a form like the others.

import { enhanceForms } from "./forms.js";

enhanceForms();
