DROP TABLE network_budgets;
DROP TABLE account_failures;
