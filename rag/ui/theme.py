"""The page's look: one accent colour, the fonts that the reader's system has."""

from __future__ import annotations

import gradio as gr

# Chinese faces of macOS/iOS, Windows, Android/Linux; nothing is fetched.
_FONTS = (
    "system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "sans-serif",
)  # fmt: skip
_MONOSPACE = ("ui-monospace", "SFMono-Regular", "Consolas", "Noto Sans Mono CJK SC", "monospace")
_ACCENT = gr.themes.Color(
    name="pine", c50="#eef6f4", c100="#d5eae5", c200="#aed6cd", c300="#7fbcb0", c400="#4e9d90", c500="#2f8175",
    c600="#20695f", c700="#1b554d", c800="#18443f", c900="#153934", c950="#0a201e",
)  # fmt: skip


def calm_theme() -> gr.themes.Base:
    """Return the theme; light and dark follow the reader's system."""
    theme = gr.themes.Base(
        primary_hue=_ACCENT,
        secondary_hue=_ACCENT,
        neutral_hue=gr.themes.colors.stone,
        font=_FONTS,
        font_mono=_MONOSPACE,
        radius_size=gr.themes.sizes.radius_md,
    )
    return theme.set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="*neutral_950",
        block_shadow="none",
        block_border_width="1px",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_text_color="white",
        block_label_text_size="*text_sm",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
    )
