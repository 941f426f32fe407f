"""What the page about a ``gan`` shows, in which order."""

SECTIONS = {
    "Samples": ("sample_grid", "nearest_images", "sample_evaluation_figure"),
    "A walk through latent space": ("latent_walk", "latent_walk_film"),
    "Training": ("loss_curves", "diagnostic_curves", "training_animation"),
    "What the discriminator sees": ("guided_backpropagation", "activation_maximisation"),
    "What the generator draws with": (*("forgetting", "forgetting_curve", "vector_arithmetic", "turn", "edit_scores"),),
    "Memory or structure": ("projection",),
    "What the features are worth": ("accuracies", "confusion_matrix", "label_curve_figure", "comparison_figure"),
}
"""Sections by title, and the entries in them; a figure that none names comes under "More figures"."""
