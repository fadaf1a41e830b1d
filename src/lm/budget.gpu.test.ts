import { budgetSuite } from '../../tests/models/budget-suite';
import { openTestBackend } from '../../tests/goldens/open-test-backend';

budgetSuite('WebGPU', () => openTestBackend());
