"""From a photo to named expressions: detection, classification, results, drawing; no torch needed."""
