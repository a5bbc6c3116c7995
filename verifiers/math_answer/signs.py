"""Unicode signs, letters and digits as plain text and LaTeX."""

from __future__ import annotations

import re
import unicodedata

_TABLE = r"""
− -|– -|— -|× \times |· \cdot |⋅ \cdot |∗ \cdot |÷ \div |√ \sqrt |∞ \infty |≤ \le |≥ \ge |⩽ \le |⩾ \ge |≠ \ne
≈ \approx |≡ \equiv |∪ \cup |∩ \cap |∈ \in |∖ \setminus |∅ \emptyset |Ø \emptyset |° °|º °|± \pm |∓ \mp |∠ \angle
△ \triangle |½ \frac{1}{2}|⅓ \frac{1}{3}|⅔ \frac{2}{3}|¼ \frac{1}{4}|¾ \frac{3}{4}|⅕ \frac{1}{5}|⅖ \frac{2}{5}
⅗ \frac{3}{5}|⅘ \frac{4}{5}|⅙ \frac{1}{6}|⅚ \frac{5}{6}|⅛ \frac{1}{8}|⅜ \frac{3}{8}|⅝ \frac{5}{8}|⅞ \frac{7}{8}
′ '|″ ''|’ '|， ,|、 ,|； ;|： :|。 .|％ %|（ (|） )|［ [|］ ]|｛ \{|｝ \}|⟨ \langle |⟩ \rangle |〈 \langle |〉 \rangle
∶ :|⁄ /|ℝ \mathbb{R} |ℤ \mathbb{Z} |ℕ \mathbb{N} |ℚ \mathbb{Q} |€ \eur |£ \gbp |¥ \cny |￥ \cny |… \dots
α \alpha |β \beta |γ \gamma |δ \delta |ε \epsilon |ζ \zeta |η \eta |θ \theta |λ \lambda |μ \mu |ξ \xi |π \pi |ρ \rho
σ \sigma |τ \tau |φ \phi |ϕ \phi |χ \chi |ψ \psi |ω \omega |Γ \Gamma |Δ \Delta |Θ \Theta |Λ \Lambda |Σ \Sigma |Φ \Phi
Ψ \Psi |Ω \Omega
"""
_SIGNS = {entry[0]: entry[2:] + " " * entry[-1:].isalpha() for entry in re.split(r"[|\n]", _TABLE) if entry.strip()}
_SIGNS |= dict.fromkeys("\u200b\u200c\u200d\u2060\u2062\ufeff\0", "") | {"\u00a0": " "}
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
CIRCLED = "①-⑳"
"""Numbers of statements to choose from: ①③ is no 13."""
_RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni")
_LOWERED_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_STYLED = re.compile("[\U0001d400-\U0001d7ff]+")  # letters of the mathematical alphabets, Greek ones too
_MIXED = re.compile(r"(?<=\d)(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")


def plain_signs(text: str) -> str:
    """x² as x^{2}, 2½ as 2 \\frac{1}{2}, ≤ as \\le, full-width digits as digits. Unknown letters stay as they are."""
    text = _STYLED.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    text = _RAISED.sub(lambda run: "^{" + run.group().translate(_RAISED_DIGITS) + "}", text)
    text = _LOWERED.sub(lambda run: "_{" + run.group().translate(_LOWERED_DIGITS) + "}", text)
    text = _SIGN.sub(lambda match: _SIGNS[match.group()], _MIXED.sub(" ", text))
    parts = re.split(f"([{CIRCLED}]+)", text)
    parts[::2] = (unicodedata.normalize("NFKC", part) for part in parts[::2])
    return "".join(parts).replace("\u2212", "-")
