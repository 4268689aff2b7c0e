package cloze.bench;

/** The model and the batch of a training step. */
public sealed interface StepShape permits GptShape, MaeShape {
    /** Operations of forward and backward, two for each multiply-add. */
    double flops();
}
