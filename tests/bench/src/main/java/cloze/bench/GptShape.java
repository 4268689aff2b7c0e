package cloze.bench;

/**
 * A GPT as in GPT-2 and its batch.
 *
 * @param vocabulary V
 * @param batch B
 * @param tokens T, also the context
 */
public record GptShape(BlockStack stack, int vocabulary, int batch, int tokens) implements StepShape {
    /** Backward takes twice those of forward. */
    @Override
    public double flops() {
        double head = 2.0 * batch * tokens * vocabulary * stack.width();
        return 3 * (stack.flops(batch, tokens, true) + head);
    }
}
