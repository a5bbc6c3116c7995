"""Accuracy of a mathematical answer, in tiers; each file knows only those above it.

    copied, phrases, prose -> clause -> free_text -> extract    where the answer stands in a response
    normalise                                                  the answer as one uniform text
    expression -> tokens -> grammar -> exact                   text to a tree, and its rational value
    values -> numeric                                          hundred-digit values at random points
    polynomials, rational_functions, zeros, scans              where two equations hold, exactly or by search
    structure -> statements -> relations -> real_sets          lists, names, equations, sets of numbers
    families                                                   sets of values that have a parameter
    times, propositions                                        what has no value: times of day, dates, logic
    si_units -> units, dimensions, conversions, words          what stands around a value
    guards -> pool -> worker                                   computer algebra, in processes that can be killed
    compare -> gold -> verifier                                the tiers in their order

Text that a model wrote is never evaluated as code, and sympy never runs in the caller's process.
"""
