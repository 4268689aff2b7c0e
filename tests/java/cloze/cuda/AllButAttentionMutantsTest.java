package cloze.cuda;

class AllButAttentionMutantsTest extends Mutants {
    AllButAttentionMutantsTest() {
        super(mutant -> !mutant.isOfAttention());
    }
}
