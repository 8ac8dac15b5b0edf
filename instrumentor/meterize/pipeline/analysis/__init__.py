"""Find a feature: run the suites, mend the selection, choose the places, write the plan."""
